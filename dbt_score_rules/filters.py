"""Filters that say which rule of dbt-score is for which model."""

from dbt_score import Model, rule_filter


@rule_filter
def published(model: Model) -> bool:
    """Holds for the models that BI reads; only those owe a person an example query."""
    return model.config.get("access") == "public"


@rule_filter
def without_a_reason_to_be_long(model: Model) -> bool:
    """Holds for the models that do not say in `config.meta.why_long` why they are."""
    return "why_long" not in model.meta
