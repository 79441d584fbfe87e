{{ typed_raw_table('users') }}
