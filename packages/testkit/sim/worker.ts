import { type JobRequest, runJob } from './jobs.ts';

// A worker of jobs.ts: simulates what its parent asks for, until the parent goes.
process.on('message', async (request: JobRequest) => process.send!(await runJob(request)));
process.on('disconnect', () => process.exit());
