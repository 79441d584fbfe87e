"""What dbt-score asks of this project beyond its defaults."""
