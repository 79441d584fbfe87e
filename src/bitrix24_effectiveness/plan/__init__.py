"""What can be known before a CRM is bought, and how long it takes to know the rest."""

from bitrix24_effectiveness.plan.command import plan

__all__ = ["plan"]
