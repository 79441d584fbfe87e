{{ typed_raw_table('telephony_call') }}
