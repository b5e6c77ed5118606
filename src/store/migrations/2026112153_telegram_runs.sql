-- Runs that somebody in a chat follows: the one message that shows how far one is, and the questions it asks there. An
-- answer is put together from several messages, so what was said already is kept with the question.
create table telegram_run (
    bot_id bigint not null,
    run_id text not null references run (id) on delete cascade,
    chat_id bigint not null,
    person_id bigint not null,
    language text not null,
    message_id bigint,
    shown text,
    asked text,
    over boolean not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (bot_id, run_id)
);
create index telegram_run_open on telegram_run (bot_id, over, chat_id);
create table telegram_question (
    bot_id bigint not null,
    ask_id text not null,
    run_id text not null references run (id) on delete cascade,
    chat_id bigint not null,
    message_id bigint,
    said text not null,
    closed boolean not null,
    created_at bigint not null,
    updated_at bigint not null,
    primary key (bot_id, ask_id)
);
create index telegram_question_open on telegram_question (bot_id, chat_id, closed);
