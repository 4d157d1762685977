-- The tables of one production. Each later change is a file of its own, applied once, in one transaction.
create table roots (
  path text primary key,
  device integer not null,
  marker text
) strict;

create table cards (
  id integer primary key,
  root text not null,
  path text not null,
  roll text not null,
  vendor text not null,
  shoot_day text not null default '',
  day_folder text not null default '',
  missing text not null default '[]',
  notes text not null default '[]',
  turnover_due integer not null default 0,
  complete integer not null default 0,
  found_at text not null,
  unique (root, path)
) strict;

create table clips (
  id integer primary key,
  card integer not null references cards (id),
  name text not null,
  state text not null,
  found text not null,             -- slate.FoundClip
  custody text not null default '',
  identity text not null default '',
  reel text not null default '',
  essence text not null default '',
  trouble text not null default '', -- slate.Trouble
  stand_in text not null default '', -- path of what is rendered in the clip's stead
  want text not null default '',    -- digest of the recipe words last planned
  ready_at text not null default '',
  changed_at text not null,
  unique (card, name)
) strict;
create index clips_by_state on clips (state);
create index clips_by_identity on clips (identity);

create table files (
  card integer not null references cards (id),
  path text not null,
  facts text not null,             -- slate.VerifiedFile
  primary key (card, path)
) strict;

create table jobs (
  id integer primary key,
  key text not null unique,
  clip integer not null references clips (id),
  stage text not null,
  lane text not null,
  priority integer not null,
  state text not null,
  task text not null,
  attempt integer not null default 0,
  not_before real not null default 0,
  token text not null default '',
  lease_until real not null default 0,
  trouble text not null default '',
  seconds real not null default 0
) strict;
create index jobs_due on jobs (state, lane, priority, id);
create index jobs_by_clip on jobs (clip);

create table proxies (
  id integer primary key,
  clip integer not null references clips (id),
  twin text not null,
  revision integer not null,
  want text not null,
  staged text not null,
  landed integer not null default 0, -- 0: intended, 1: in place
  facts text not null,               -- slate.Published
  still text not null,
  unique (clip, twin, revision)
) strict;
