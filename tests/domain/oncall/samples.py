"""The sample schedule M-13, in PagerDuty's form and as a schedule of ours."""

from __future__ import annotations

import yaml

from mainstay.domain.oncall.pagerduty import PagerDutySchedule

PAGERDUTY_YAML = """
name: Global SRE On-Call
time_zone: UTC
layers:
  - name: APAC Team
    start: "2023-01-01T00:00:00Z"
    rotation_virtual_start: "2023-01-01T00:00:00Z"
    rotation_turn_length_seconds: 86400
    users: [{id: PXXXXX1, name: Tokyo}, {id: PXXXXX2, name: Singapore}, {id: PXXXXX3, name: Sydney}]
    restrictions: [{type: daily_restriction, start_time_of_day: "22:00:00", duration_seconds: 32400}]
  - name: EMEA Team
    start: "2023-01-01T00:00:00Z"
    rotation_virtual_start: "2023-01-01T00:00:00Z"
    rotation_turn_length_seconds: 86400
    users: [{id: PXXXXX4, name: London}, {id: PXXXXX5, name: Berlin}, {id: PXXXXX6, name: Tel Aviv}]
    restrictions: [{type: daily_restriction, start_time_of_day: "06:00:00", duration_seconds: 32400}]
  - name: Americas Team
    start: "2023-01-01T00:00:00Z"
    rotation_virtual_start: "2023-01-01T00:00:00Z"
    rotation_turn_length_seconds: 86400
    users: [{id: PXXXXX7, name: New York}, {id: PXXXXX8, name: San Francisco}, {id: PXXXXX9, name: São Paulo}]
    restrictions: [{type: daily_restriction, start_time_of_day: "14:00:00", duration_seconds: 32400}]
"""

PAGERDUTY = PagerDutySchedule.model_validate(yaml.safe_load(PAGERDUTY_YAML))
FOLLOW_THE_SUN = PAGERDUTY.schedule()
