"""Settings of what stands against abuse: budgets, rates, a customer's day, what raises an alert. 0 is always: none."""

from pydantic import Field
from pydantic_settings import BaseSettings

from app.domain.amounts import AMOUNT_MAX

MISSES_MAX = 10_000  # Instants in a row of PostgreSQL: 80 KB, rewritten with each miss.


class AbuseSettings(BaseSettings):
    lookup_misses_5min: int = Field(
        default=10,
        ge=0,
        le=MISSES_MAX,
        description="look-ups of nobody that a terminal or person may make in 5 minutes; then 429. 0: any number",
    )
    lookup_misses_day: int = Field(default=60, ge=0, le=MISSES_MAX, description="likewise in 24 hours; 0: any number")
    lookup_misses_shop_day: int = Field(
        default=300, ge=0, le=MISSES_MAX, description="likewise all terminals of a shop together; 0: any number"
    )
    lookup_misses_bulk_day: int = Field(
        default=1_000,
        ge=0,
        le=MISSES_MAX,
        description="unknown customers that a person or key may name in 24 hours in calls with lists; 0: any number",
    )
    rate_pos: int = Field(
        default=0, ge=0, le=100_000, description="requests a second of a till's key, in each worker; 0: any number"
    )
    rate_shop: int = Field(default=0, ge=0, le=100_000, description="likewise of a shop's key; 0: any number")
    rate_others: int = Field(default=0, ge=0, le=100_000, description="likewise of any other key; 0: any number")
    velocity_accruals_day: int = Field(
        default=0, ge=0, le=100_000, description="purchases of a customer in a day; a further one gets 429. 0: no limit"
    )
    velocity_redemptions_day: int = Field(default=0, ge=0, le=100_000, description="likewise redemptions; 0: no limit")
    velocity_accrued_day: int = Field(
        default=0,
        ge=0,
        le=AMOUNT_MAX,
        description="what a customer may be given in a day, in minor units that it would redeem for; 0: no limit",
    )
    velocity_redeemed_day: int = Field(
        default=0, ge=0, le=AMOUNT_MAX, description="likewise what a customer may redeem; 0: no limit"
    )
    alert_same_customer_day: int = Field(
        default=0,
        ge=0,
        le=100_000,
        description="an alert where one customer comes to one till more often in a day (a cashier's own card); 0: none",
    )
    alert_returns_day: int = Field(
        default=0, ge=0, le=100_000, description="an alert where one till takes back more often in a day; 0: none"
    )
    alert_rare_hour_permille: int = Field(
        default=0,
        ge=0,
        le=1_000,
        description="an alert for a receipt at an hour when a till makes less than so many of a thousand; 0: none",
    )
    alert_sum_times: int = Field(
        default=0,
        ge=0,
        le=1_000_000,
        description="an alert for a receipt of more than so many times what 99 of a till's 100 stay below; 0: none",
    )
