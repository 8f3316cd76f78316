/** Where the steps of a chain stand: each one layer behind the last of those that it follows, and near to them within its layer. */

export interface Linked {
  readonly parent: number;
  readonly child: number;
}

export interface Spot {
  readonly id: number;
  /** How many steps are before it, on the longest way. */
  readonly layer: number;
  /** Its place in the layer. */
  readonly row: number;
}

export interface Layout {
  readonly spots: readonly Spot[];
  readonly layers: number;
  /** Of the layer that has most steps. */
  readonly rows: number;
}

/** `ids` are in an order in which each step comes after those that it follows, as the service tells them. */
export function layoutOf(ids: readonly number[], links: readonly Linked[]): Layout {
  const layer = new Map<number, number>();
  for (const id of ids) {
    const before = links.filter((link) => link.child === id).map((link) => layer.get(link.parent) ?? -1);
    layer.set(id, Math.max(-1, ...before) + 1);
  }
  const layers = Math.max(0, ...layer.values()) + 1;
  const row = new Map<number, number>();
  for (let now = 0; now < layers; now++) {
    const here = ids.filter((id) => layer.get(id) === now);
    const wish = new Map(here.map((id) => [id, meanOf(links.filter((link) => link.child === id).map((link) => row.get(link.parent) ?? 0))]));
    here.sort((one, other) => wish.get(one)! - wish.get(other)! || ids.indexOf(one) - ids.indexOf(other));
    here.forEach((id, place) => row.set(id, place));
  }
  const spots = ids.map((id) => ({ id, layer: layer.get(id)!, row: row.get(id)! }));
  return { spots, layers, rows: Math.max(0, ...row.values()) + 1 };
}

function meanOf(values: readonly number[]): number {
  return values.length ? values.reduce((sum, one) => sum + one, 0) / values.length : 0;
}
