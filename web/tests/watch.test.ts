import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { watch } from "../src/api/watch";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("a value that is watched", () => {
  it("is asked for only while somebody looks", async () => {
    let asked = 0;
    const watched = watch(async () => ++asked, 100);
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toBe(0);
    const leave = watched.use();
    await vi.advanceTimersByTimeAsync(250);
    expect(watched.value.value).toBe(3);
    leave();
    await vi.advanceTimersByTimeAsync(1000);
    expect(asked).toBe(3);
  });
  it("is asked for once however many look, and one question at a time", async () => {
    let open = 0;
    let most = 0;
    let asked = 0;
    const watched = watch(async () => {
      asked++;
      most = Math.max(most, ++open);
      await new Promise((done) => setTimeout(done, 300));
      open--;
      return asked;
    }, 100);
    const leave = [watched.use(), watched.use()];
    watched.again();
    await vi.advanceTimersByTimeAsync(1650);
    expect(most).toBe(1);
    expect(asked).toBe(5);
    leave.forEach((one) => one());
  });
  it("keeps its last answer beside the error when it is not answered", async () => {
    const answers = [() => 1, () => { throw new Error("gone"); }, () => 3]; // prettier-ignore
    const watched = watch(async () => answers.shift()?.() ?? 4, 100);
    const leave = watched.use();
    await vi.advanceTimersByTimeAsync(50);
    await vi.advanceTimersByTimeAsync(100);
    expect([watched.value.value, watched.error.value?.message]).toEqual([1, "gone"]);
    await vi.advanceTimersByTimeAsync(100);
    expect([watched.value.value, watched.error.value]).toEqual([3, undefined]);
    leave();
  });
});
