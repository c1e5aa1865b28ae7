import { storeCompliance } from './support/compliance.ts';
import { directorySite } from './support/directory-site.ts';

// So little memory that rows move into LMDB all the time.
storeCompliance('openLmdbStore, always at a checkpoint', () => directorySite({ checkpointBytes: 200 }));
