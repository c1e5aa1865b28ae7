import { Counter, Gauge, type Registry } from 'prom-client';
import type { Moving, MovingStats } from './moving.ts';

type Field = keyof MovingStats;

const gauges: readonly (readonly [string, string, Field])[] = [
  ['ringfort_moves_left', 'Slots of the whole cluster that are still to change hands, as this node knows', 'movesLeft'],
  ['ringfort_slots_giving', 'Slots that this node hands over now', 'giving'],
  [
    'ringfort_partitions_offering',
    'Partitions whose records this node offers to the owners, to forget them',
    'offering',
  ],
  ['ringfort_transfers_receiving', 'Partitions on their way to this node', 'receiving'],
  ['ringfort_transfers_sending', 'Partitions on their way from this node', 'sending'],
];
const counters: readonly (readonly [string, string, Field])[] = [
  [
    'ringfort_slots_handed_over_total',
    'Slots that this node has handed over, or recorded a successor for',
    'handedOver',
  ],
  ['ringfort_hand_over_failures_total', 'Attempts to hand a slot over that failed; each is made again', 'failures'],
  [
    'ringfort_records_forgotten_total',
    'Records of partitions of others that were forgotten, as all owners hold them',
    'recordsForgotten',
  ],
  ['ringfort_transfer_bytes_received_total', 'Bytes of records that transfers brought', 'bytesReceived'],
  ['ringfort_transfer_records_received_total', 'Records that transfers brought', 'recordsReceived'],
  ['ringfort_transfer_failures_total', 'Failures after which a transfer went on', 'transferFailures'],
];

/** Metrics of what moves between nodes. */
export function addMovingMetrics(registers: Registry[], sources: { readonly moving?: Moving | undefined }): void {
  const read = (field: Field) => sources.moving?.stats()?.[field] ?? 0;
  for (const [name, help, field] of gauges) {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(field));
      },
    });
  }
  for (const [name, help, field] of counters) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(field));
      },
    });
  }
}
