-- What sound files hold, and where each camera clip was found in them.
create table recordings (
  clip integer primary key references clips (id), -- the sound file, as a clip of its roll
  facts text not null              -- sounds.Recording
) strict;

create table syncs (
  clip integer primary key references clips (id), -- the camera's clip
  want text not null,              -- key of all that it was looked for in
  facts text not null              -- sounds.Synced
) strict;
