-- A failure counts until an attempt has ended well: also where trying again came to nothing.
INSERT INTO counters (scope, name, count)
    SELECT campaign, 'retried', COUNT(*) FROM assignments
    WHERE ended = 1 AND json_extract(standing, '$.failed_before') = 1
        AND state NOT IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed',
            'succeeded', 'reverted')
    GROUP BY campaign
    ON CONFLICT (scope, name) DO UPDATE SET count = counters.count + excluded.count;
INSERT INTO counters (scope, name, count)
    SELECT campaign || '/' || wave, 'retried', COUNT(*) FROM assignments
    WHERE ended = 1 AND json_extract(standing, '$.failed_before') = 1
        AND state NOT IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed',
            'succeeded', 'reverted')
    GROUP BY campaign, wave
    ON CONFLICT (scope, name) DO UPDATE SET count = counters.count + excluded.count;

-- What somebody has let pass is marked one by one (`acknowledged` in `standing`), no longer
-- counted by wave. Where a wave has failures that nobody has let pass, all of it is to be looked
-- at again.
UPDATE assignments SET standing = json_set(standing, '$.acknowledged', json('true'))
    WHERE (state IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed')
            OR (state NOT IN ('succeeded', 'reverted') AND json_extract(standing, '$.failed_before') = 1))
        AND EXISTS (SELECT 1 FROM campaign_waves
            WHERE campaign_waves.campaign = assignments.campaign
                AND campaign_waves.wave = assignments.wave AND campaign_waves.acknowledged > 0
                AND campaign_waves.acknowledged >= (SELECT COUNT(*) FROM assignments AS other
                    WHERE other.campaign = campaign_waves.campaign
                        AND other.wave = campaign_waves.wave
                        AND (other.state IN ('silent', 'refused', 'failed', 'rolled-back', 'rollback-failed')
                            OR (other.state NOT IN ('succeeded', 'reverted')
                                AND json_extract(other.standing, '$.failed_before') = 1))));
INSERT INTO counters (scope, name, count)
    SELECT campaign, 'acknowledged', COUNT(*) FROM assignments
    WHERE json_extract(standing, '$.acknowledged') = 1 GROUP BY campaign;
INSERT INTO counters (scope, name, count)
    SELECT campaign || '/' || wave, 'acknowledged', COUNT(*) FROM assignments
    WHERE json_extract(standing, '$.acknowledged') = 1 GROUP BY campaign, wave;
ALTER TABLE campaign_waves DROP COLUMN acknowledged;
