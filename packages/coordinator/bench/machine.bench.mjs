// What one read's statechart costs: a fresh root actor per request, a pooled one, and a pooled one of flat logic. Run after `npx nx build @ringfort/coordinator`:
//   node packages/coordinator/bench/machine.bench.mjs
import { flatLogic, getMachine } from '@ringfort/coordinator';
import { createActor } from 'xstate';

const REQUESTS = 50_000;
const answered = { type: 'replica.answered' };
const newTask = () => ({
  refused: false,
  plan: { sloppy: true, places: [], list: [], nextFallback: 0, isUp: () => true, uncovered: [] },
  tally: { required: 2, durableRequired: 0, answers: 1, durable: 0, outstanding: 2, hopeful: 2, failures: [] },
});

function tell(actor) {
  const task = newTask();
  actor.send({ type: 'get.start', task });
  for (let i = 0; i < 2; i++) {
    task.tally.answers += 1;
    task.tally.outstanding -= 1;
    actor.send(answered);
  }
}

function cpuPerRequest(work) {
  for (let i = 0; i < 5_000; i++) work();
  const from = process.cpuUsage();
  for (let i = 0; i < REQUESTS; i++) work();
  const { user, system } = process.cpuUsage(from);
  return (user + system) / REQUESTS;
}

const pooled = createActor(getMachine).start();
const flat = createActor(flatLogic(getMachine)).start();
const rounds = Array.from({ length: 5 }, () => [
  cpuPerRequest(() => tell(createActor(getMachine).start())),
  cpuPerRequest(() => tell(pooled)),
  cpuPerRequest(() => tell(flat)),
]);
const median = (index) =>
  rounds
    .map((round) => round[index])
    .sort((a, b) => a - b)[2]
    .toFixed(1);
console.log(
  `fresh actor per request: ${median(0)} us CPU; pooled actor: ${median(1)} us; pooled actor of flat logic: ${median(2)} us (medians of 5 alternating rounds)`,
);
