-- Version 3 of the schema: a write that comes alone costs less. The functions of
-- the versions before stay, for their processes, and write_all for writes that
-- come together.

-- write_one makes one write as write_all does, and returns its revision; 0 if it
-- is refused, and then write_all says why. It locks the row of head by the very
-- update that most often stands. It notifies only where p_tell says so: who calls
-- it otherwise calls tell some milliseconds later.
CREATE FUNCTION {schema}.write_one(
	p_id uuid, p_registry bytea, p_name bytea, p_expires_at bigint, p_data bytea, p_rests_on bigint, p_feed_size bigint, p_tell boolean
) RETURNS bigint LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
	new_rev   bigint;
	new_nonce uuid;
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN -- as in begin_write
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	UPDATE {schema}.head SET rev = rev + 1, nonce = gen_random_uuid() WHERE sole
	RETURNING rev, nonce INTO new_rev, new_nonce;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the row of head is missing';
	END IF;
	IF p_name IS NULL THEN
		DELETE FROM {schema}.records WHERE id = p_id AND rev = p_rests_on;
	ELSIF p_rests_on = 0 THEN
		INSERT INTO {schema}.records (id, registry, name, expires_at, data, rev)
		VALUES (p_id, p_registry, p_name, p_expires_at, p_data, new_rev)
		ON CONFLICT DO NOTHING;
	ELSE
		UPDATE {schema}.records SET expires_at = p_expires_at, data = p_data, rev = new_rev
		WHERE id = p_id AND rev = p_rests_on AND registry = p_registry AND name = p_name;
	END IF;
	IF NOT FOUND THEN -- the head is the last write, as before
		UPDATE {schema}.head SET rev = c.rev, nonce = c.nonce FROM {schema}.changes c WHERE sole AND c.rev = new_rev - 1;
		IF NOT FOUND THEN
			RAISE EXCEPTION 'the last row of changes is missing';
		END IF;
		RETURN 0;
	END IF;
	INSERT INTO {schema}.changes (rev, id, nonce) VALUES (new_rev, p_id, new_nonce);
	IF new_rev % least(256, p_feed_size) = 0 THEN -- as in end_write
		DELETE FROM {schema}.changes WHERE rev < new_rev AND rev <= new_rev - p_feed_size;
	END IF;
	IF p_tell THEN
		PERFORM pg_notify('{channel}', new_nonce || ':' || new_rev);
	END IF;
	RETURN new_rev;
END
$$;

-- tell notifies of the last write. It writes nothing that would have to last.
CREATE FUNCTION {schema}.tell() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('synchronous_commit', 'off', true);
	PERFORM pg_notify('{channel}', nonce || ':' || rev) FROM {schema}.head;
END
$$;
