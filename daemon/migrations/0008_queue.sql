-- In which order the queue runs, what is paused, and which clips are one recording over two rolls.
alter table clips add column circled integer not null default 0;    -- 1: the script supervisor marked the take
alter table clips add column precedence integer not null default 0; -- asked for by a person; higher runs first
alter table jobs add column backfill integer not null default 0;    -- 1: what is made was delivered before
create table pauses (
  stage text primary key,
  since text not null
) strict;

create table spans (
  tail integer primary key references clips (id), -- goes on where the head ends; nothing is made of it by itself
  head integer not null references clips (id),
  unique (head)
) strict;
