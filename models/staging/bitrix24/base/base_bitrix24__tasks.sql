{{ typed_raw_table('tasks') }}
