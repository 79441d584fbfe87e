{{ typed_raw_table('openline_message') }}
