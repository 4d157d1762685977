-- Clips whose enhancement went too far from its source, and what each delivery target holds.
create table restraints (
  clip integer primary key references clips (id),
  facts text not null              -- fidelity.Restraint
) strict;

create table dispatches (
  target text not null,            -- name of the target
  folder text not null,            -- of a roll or a day, in the production's delivery
  seal text not null,              -- xxh128 of the .complete that is there in this version
  at text not null,                -- ISO 8601
  primary key (target, folder)
) strict;
