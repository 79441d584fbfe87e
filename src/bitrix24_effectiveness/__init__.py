"""Ten metrics of CRM effectiveness from raw Bitrix24 tables: the Python around the dbt project."""
