{{ typed_raw_table('departments') }}
