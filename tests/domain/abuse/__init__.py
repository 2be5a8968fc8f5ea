"""Budgets, rates, a customer's day and a till's habits, without a service."""
