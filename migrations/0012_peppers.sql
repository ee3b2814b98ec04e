-- Which peppers each server can check keys with, as a list of versions; empty for one that does not say. A key's MAC is made
-- anew under a pepper only when all know it.
alter table replicas add column peppers text not null default '';
