-- The effects of a run stand together in their index: found by key first, each of them was on a page of its own, and
-- every commit wrote as many pages as it had effects.
alter table effect drop constraint effect_key_run_number_key;

alter table effect add unique (run_number, key);

drop index effect_run;
