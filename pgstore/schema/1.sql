-- Version 1 of the schema. {schema} and {channel} are put in by pgstore.

CREATE TABLE {schema}.records (
	id         uuid   PRIMARY KEY,
	registry   bytea  NOT NULL, -- names are UTF-8 in bytea: compared byte by byte, in a database of whatever encoding
	name       bytea  NOT NULL,
	expires_at bigint,          -- milliseconds since 1970; NULL: never
	data       bytea  NOT NULL,
	rev        bigint NOT NULL,
	UNIQUE (registry, name)
);

CREATE INDEX records_expiry ON {schema}.records (expires_at, id) WHERE expires_at IS NOT NULL;

-- The place of the last write. Every write locks this one row and holds it to
-- its commit, so that the order of revisions is the order of commits.
CREATE TABLE {schema}.head (
	sole  boolean PRIMARY KEY DEFAULT true CHECK (sole),
	rev   bigint  NOT NULL,
	nonce uuid    NOT NULL
);

-- One row for each write, and one for the beginning, without gaps but for what
-- is trimmed off the old end. The nonce is what makes a row this very one: the
-- same revision of another history, restored or failed over to, has another.
CREATE TABLE {schema}.changes (
	rev   bigint PRIMARY KEY,
	id    uuid   NOT NULL,
	nonce uuid   NOT NULL
);

WITH beginning AS (
	INSERT INTO {schema}.head (rev, nonce) VALUES (0, gen_random_uuid()) RETURNING rev, nonce
)
INSERT INTO {schema}.changes (rev, id, nonce)
SELECT rev, '00000000-0000-0000-0000-000000000000', nonce FROM beginning;

-- begin_write lets the writes in one by one. What a transaction in READ
-- COMMITTED reads after it, it reads as the write before has left it.
CREATE FUNCTION {schema}.begin_write() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	-- What is acknowledged outlives a crash, whatever the session is set to.
	-- Every other setting is the operator's choice and at least as durable.
	IF current_setting('synchronous_commit') = 'off' THEN
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	PERFORM 1 FROM {schema}.head WHERE sole FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the row of head is missing';
	END IF;
END
$$;

-- end_write enters the change of p_id into the feed, and returns its revision.
-- The feed keeps p_feed_size changes; it is trimmed by whole steps, since a
-- delete for each write would search through what the ones before it left.
CREATE FUNCTION {schema}.end_write(p_id uuid, p_feed_size bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	new_rev   bigint;
	new_nonce uuid;
BEGIN
	UPDATE {schema}.head SET rev = rev + 1, nonce = gen_random_uuid() WHERE sole
	RETURNING rev, nonce INTO new_rev, new_nonce;
	INSERT INTO {schema}.changes (rev, id, nonce) VALUES (new_rev, p_id, new_nonce);
	IF new_rev % least(256, p_feed_size) = 0 THEN
		DELETE FROM {schema}.changes WHERE rev < new_rev AND rev <= new_rev - p_feed_size;
	END IF;
	PERFORM pg_notify('{channel}', new_nonce || ':' || new_rev);
	RETURN new_rev;
END
$$;

-- From here on, functions that look for rows do without sequential scans: to a
-- session that planned them while a table was small these would stay the best
-- plan while it grows, until the table is analyzed. They do without compiling
-- plans (jit) too: an estimate of many rows would bring that on, and it takes
-- longer than to fetch the few that are asked for.

-- put creates a record if p_rests_on is 0, and otherwise replaces the one that
-- stands at that revision. The outcome is 'done', or why nothing changed; the
-- revision is that of the write, or the one at which the record stands.
CREATE FUNCTION {schema}.put(
	p_id uuid, p_registry bytea, p_name bytea, p_expires_at bigint, p_data bytea, p_rests_on bigint, p_feed_size bigint,
	OUT outcome text, OUT revision bigint
) LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
	same_name boolean;
BEGIN
	PERFORM {schema}.begin_write();
	SELECT rev, registry = p_registry AND name = p_name INTO revision, same_name
	FROM {schema}.records WHERE id = p_id;
	IF p_rests_on = 0 THEN
		outcome := CASE
			WHEN revision IS NOT NULL THEN 'ID taken'
			WHEN EXISTS (SELECT FROM {schema}.records WHERE registry = p_registry AND name = p_name) THEN 'name taken'
			ELSE 'done'
		END;
	ELSE
		outcome := CASE
			WHEN revision IS NULL THEN 'missing'
			WHEN revision <> p_rests_on THEN 'conflict'
			WHEN NOT same_name THEN 'renamed'
			ELSE 'done'
		END;
	END IF;
	IF outcome <> 'done' THEN
		RETURN;
	END IF;
	revision := {schema}.end_write(p_id, p_feed_size);
	IF p_rests_on = 0 THEN
		INSERT INTO {schema}.records (id, registry, name, expires_at, data, rev)
		VALUES (p_id, p_registry, p_name, p_expires_at, p_data, revision);
	ELSE
		UPDATE {schema}.records SET expires_at = p_expires_at, data = p_data, rev = revision WHERE id = p_id;
	END IF;
END
$$;

-- remove deletes the record that stands at revision p_rests_on. It answers as put does.
CREATE FUNCTION {schema}.remove(
	p_id uuid, p_rests_on bigint, p_feed_size bigint,
	OUT outcome text, OUT revision bigint
) LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.begin_write();
	SELECT rev INTO revision FROM {schema}.records WHERE id = p_id;
	outcome := CASE
		WHEN revision IS NULL THEN 'missing'
		WHEN revision <> p_rests_on THEN 'conflict'
		ELSE 'done'
	END;
	IF outcome = 'done' THEN
		DELETE FROM {schema}.records WHERE id = p_id;
		revision := {schema}.end_write(p_id, p_feed_size);
	END IF;
END
$$;

-- Reading is by functions too: a session plans what is in them once, where a
-- statement that may not be prepared is planned at each call.

-- only_primary refuses a standby: what it shows is past, as a token that was
-- revoked since. A pooler or a failover may put one behind any connection.
CREATE FUNCTION {schema}.only_primary() RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
	IF pg_is_in_recovery() THEN
		RAISE EXCEPTION 'the server is a standby' USING ERRCODE = 'read_only_sql_transaction';
	END IF;
END
$$;

CREATE FUNCTION {schema}.by_id(p_id uuid) RETURNS SETOF {schema}.records LANGUAGE plpgsql STABLE ROWS 1 SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.records WHERE id = p_id;
END
$$;

CREATE FUNCTION {schema}.by_name(p_registry bytea, p_name bytea) RETURNS SETOF {schema}.records LANGUAGE plpgsql STABLE ROWS 1 SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.records WHERE registry = p_registry AND name = p_name;
END
$$;

-- list returns the records of a registry from the name p_from on, up to the
-- name p_until, which is not among them; NULL: to the last.
CREATE FUNCTION {schema}.list(p_registry bytea, p_from bytea, p_until bytea, p_limit bigint)
RETURNS SETOF {schema}.records LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.records
		WHERE registry = p_registry AND name >= p_from AND (p_until IS NULL OR name < p_until)
		ORDER BY name LIMIT p_limit;
END
$$;

-- list_all returns the records of all registries from a registry and name on,
-- of which the name begins with p_prefix.
CREATE FUNCTION {schema}.list_all(p_registry bytea, p_from bytea, p_prefix bytea, p_limit bigint)
RETURNS SETOF {schema}.records LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.records
		WHERE (registry, name) >= (p_registry, p_from) AND substring(name FOR length(p_prefix)) = p_prefix
		ORDER BY registry, name LIMIT p_limit;
END
$$;

CREATE FUNCTION {schema}.expired(p_until bigint, p_limit bigint) RETURNS SETOF {schema}.records LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.records WHERE expires_at <= p_until ORDER BY expires_at, id LIMIT p_limit;
END
$$;

-- last_write returns the row of head.
CREATE FUNCTION {schema}.last_write() RETURNS SETOF {schema}.head LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.head;
END
$$;

-- changes_from returns the change p_rev, if it is still there, and what follows.
CREATE FUNCTION {schema}.changes_from(p_rev bigint, p_limit bigint) RETURNS SETOF {schema}.changes LANGUAGE plpgsql STABLE SET enable_seqscan = off SET jit = off AS $$
BEGIN
	PERFORM {schema}.only_primary();
	RETURN QUERY SELECT * FROM {schema}.changes WHERE rev >= p_rev ORDER BY rev LIMIT p_limit;
END
$$;

-- as_text and as_json are NULL for what is none.
CREATE FUNCTION {schema}.as_text(bytes bytea) RETURNS text LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN convert_from(bytes, 'UTF8');
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END
$$;

CREATE FUNCTION {schema}.as_json(bytes bytea) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
	RETURN convert_from(bytes, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END
$$;

-- The records for people to read.
CREATE VIEW {schema}.tokens AS
SELECT
	{schema}.as_text(registry) AS registry,
	{schema}.as_text(name) AS name,
	id,
	-- Whole seconds and the rest apart: together, a float could not hold the year 9999.
	to_timestamp(expires_at / 1000) + expires_at % 1000 * interval '1 millisecond' AS expires_at,
	{schema}.as_json(data) AS data, -- NULL: no JSON; the bytes are in records
	rev
FROM {schema}.records;
