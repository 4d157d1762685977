-- What was told outside, through which way, so that a restart tells nothing twice and what failed is told still.
create table notices (
  way text not null,               -- digest of the URL: it holds a secret
  subject text not null,           -- notices.News.subject; empty: since when this way is used
  fact text not null,              -- notices.News.fact
  at text not null,                -- ISO 8601
  primary key (way, subject)
) strict;
