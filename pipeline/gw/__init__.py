"""GW and GRB follow-up: notice in, scored, stored, told, shared, planned.

As a library, without server or database: notices and notice_values (one notice as a value) ·
notice_schema (where it departs from its senders' schema) · skymap and distance (areas, distance,
credible levels) · score (GRANDMA's) and suggestion (the cookbook's) · scored (all of them in one
call) · blocks (Slack's, within its limits) · buttons (each with what it asks and leads to) · cards,
cards_notice, cards_plan, cards_tiles, cards_lines, cards_words (what people read) · sky_index (a
map asked at many points) · pictures (the sky map).

tables, plan_tables, action_tables, grb_tables: the rows · models: their mirrors · steps,
step_registry, tasks: what is done with a notice, step by step · standing: whether it still counts.

deliver (a message, once) · tell, tell_view, tell_picture, tell_acts, tell_retracted (steps that
tell Slack) · withdrawal (what telescopes were asked for) · act, act_answers, act_forms, act_plans,
act_tiles, ranks, tile_claims, action_tasks (what a click leads to) · bad_notices (warnings).

share, share_paths, share_files: folders and files on OwnCloud · notice_files, logbook, cleanup,
upkeep_tasks: notices and the log as files, and what is thrown away · voevents, grb, grb_cards,
grb_intake, grb_tell, grb_t90, swift_page: bursts of Swift and SVOM · gcn_json, gcn_intake,
gcn_tell: GCN's other topics.

telescopes: the table · strategies: how tiles are chosen · hosts: galaxies that may host an event ·
plan_groups, plan_steps, plan_rows, plan_all, sky_plans, report: plans as rows, steps, files, maps,
messages · plan_process: starts, bounds and ends · plan, the process itself: plan_job, plan_recipe,
plan_grid, plan_galaxies, plan_night, plan_gwemopt, plan_check, plan_coverage, plan_files,
plan_pictures.
"""
