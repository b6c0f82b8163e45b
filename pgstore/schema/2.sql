-- Version 2 of the schema: what many calls write at the same time is written
-- together. The functions that version 1 writes with stay, for its processes.

-- write_all makes writes in the order of the arrays, each as put and remove do,
-- and answers each as they do: that one is refused is no other's concern. A
-- write deletes where p_names has NULL. All writes share a nonce: a history has
-- all of them or none.
CREATE FUNCTION {schema}.write_all(
	p_ids uuid[], p_registries bytea[], p_names bytea[], p_expires_at bigint[], p_data bytea[], p_rest_on bigint[],
	p_feed_size bigint
) RETURNS TABLE (outcome text, revision bigint) LANGUAGE plpgsql SET enable_seqscan = off SET jit = off AS $$
DECLARE
	first_rev bigint; -- of the last write before these
	last_rev  bigint; -- of the last of these
	new_nonce uuid;
	written   uuid[] := '{}';
	step      bigint := least(256, p_feed_size);
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN -- as in begin_write
		PERFORM set_config('synchronous_commit', 'on', true);
	END IF;
	SELECT rev INTO first_rev FROM {schema}.head WHERE sole FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'the row of head is missing';
	END IF;
	last_rev := first_rev;
	FOR i IN 1 .. cardinality(p_ids) LOOP
		-- What most often happens is tried first, with one statement.
		IF p_names[i] IS NULL THEN
			DELETE FROM {schema}.records WHERE id = p_ids[i] AND rev = p_rest_on[i];
		ELSIF p_rest_on[i] = 0 THEN
			INSERT INTO {schema}.records (id, registry, name, expires_at, data, rev)
			VALUES (p_ids[i], p_registries[i], p_names[i], p_expires_at[i], p_data[i], last_rev + 1)
			ON CONFLICT DO NOTHING;
		ELSE
			UPDATE {schema}.records SET expires_at = p_expires_at[i], data = p_data[i], rev = last_rev + 1
			WHERE id = p_ids[i] AND rev = p_rest_on[i] AND registry = p_registries[i] AND name = p_names[i];
		END IF;
		IF FOUND THEN
			last_rev := last_rev + 1;
			written := written || p_ids[i];
			outcome := 'done';
			revision := last_rev;
		ELSE
			SELECT rev INTO revision FROM {schema}.records WHERE id = p_ids[i];
			outcome := CASE
				WHEN p_rest_on[i] = 0 THEN CASE WHEN revision IS NULL THEN 'name taken' ELSE 'ID taken' END
				WHEN revision IS NULL THEN 'missing'
				WHEN revision <> p_rest_on[i] THEN 'conflict'
				ELSE 'renamed'
			END;
		END IF;
		RETURN NEXT;
	END LOOP;
	IF last_rev = first_rev THEN
		RETURN;
	END IF;
	UPDATE {schema}.head SET rev = last_rev, nonce = gen_random_uuid() WHERE sole RETURNING nonce INTO new_nonce;
	INSERT INTO {schema}.changes (rev, id, nonce)
	SELECT first_rev + place, id, new_nonce FROM unnest(written) WITH ORDINALITY AS w (id, place);
	IF last_rev / step > first_rev / step THEN -- as in end_write
		DELETE FROM {schema}.changes WHERE rev < last_rev AND rev <= last_rev - p_feed_size;
	END IF;
	PERFORM pg_notify('{channel}', new_nonce || ':' || last_rev);
END
$$;
