-- A question of a run is put to the chat that follows the run. An approval is put to those who may give it as well, each in
-- a chat of their own: these messages, which have to say that it was answered. One that says so is forgotten.
create table telegram_copy (
    bot_id bigint not null,
    ask_id text not null,
    run_id text not null references run (id) on delete cascade,
    chat_id bigint not null,
    message_id bigint not null,
    language text not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (bot_id, ask_id, chat_id)
);
create index telegram_copy_run on telegram_copy (run_id);
