-- What the production's model learned from, what was measured of its cameras, and the models that came of it.
create table samples (
  digest text primary key,
  card integer not null references cards (id),
  clip text not null,              -- identity of the camera file's bytes
  first_frame integer not null,
  holdout integer not null,
  size_bytes integer not null,
  facts text not null,             -- stages.sample.Sample
  unique (clip, first_frame)
) strict;
create index samples_by_card on samples (card);

create table noise (
  clip text primary key,           -- identity of the camera file's bytes
  camera text not null,
  iso integer not null,            -- 0: unknown
  shot real not null,              -- variance of luma = shot * signal + read, code values / 1023
  read real not null,
  measured_at text not null
) strict;
create index noise_by_camera on noise (camera, iso);

create table models (
  digest text primary key,
  size text not null,
  state text not null,
  parent text not null,            -- digest, empty for the base weights
  card integer not null references cards (id),
  facts text not null,             -- stages.refine.Refined
  made_at text not null,
  changed_at text not null
) strict;
