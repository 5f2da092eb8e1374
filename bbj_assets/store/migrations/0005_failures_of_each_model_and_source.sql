-- A text may be refused by one model and not by another, and stand in several sources: each of them is told, and what
-- one of them does about it takes nothing from the others. Of a parse, which no model has a part in, `model` is ''.

ALTER TABLE failures ADD COLUMN model text NOT NULL DEFAULT '';
UPDATE failures SET model = coalesce((SELECT name FROM models WHERE active), '') WHERE stage = 'embed';
ALTER TABLE failures DROP CONSTRAINT failures_pkey;
ALTER TABLE failures ADD PRIMARY KEY (stage, item, source, model);
