"""What a company writes down before it has a CRM: spreadsheets to fill in, and their loading."""
