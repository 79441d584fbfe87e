{{ typed_raw_table('journal_requests') }}
