"""GW and GRB follow-up: notice in, scored, stored, told, shared, planned.

tables, plan_tables, action_tables, grb_tables: the rows · models: their mirrors · ledger, steps,
step_registry, tasks: what is done with a notice, step by step.
"""
