/** What an export does where its options say nothing; `lait.yaml` and the flags have their defaults from here. */
import { shardDefaults } from '../shards/defaults.ts';

export const exportDefaults = {
  ...shardDefaults,
  maxShardBytes: 1_000_000_000,
  validationFraction: 0.05,
  gone: 'drop' as 'keep' | 'drop',
  format: 'webdataset',
  layout: 'growing' as 'growing' | 'fixed',
} as const;
