-- Looks as they were last read, so that a root that is away takes none of them with it.
create table looks (
  root text not null,
  path text not null,              -- relative to the root
  mark text not null,              -- slate.FileMark
  entries text not null,           -- looks.LookFile
  primary key (root, path)
) strict;

alter table clips add column picture text not null default '';  -- small log picture: engines.colour.statistics
alter table clips add column proposal text not null default ''; -- slate.Proposed: the grade a clip without one got
