-- A value that a person sent in a message was seen where it must not be: when and how stands with it until it is set anew.
alter table project_secret add column exposed_at bigint;
alter table project_secret add column exposed_how text;
