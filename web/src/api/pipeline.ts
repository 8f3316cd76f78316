/** The values of the pipeline that several views look at, each asked for once however many do. */
import type { Config, Diagnosis, Progress, ShadowTold, Stream } from "./answers";
import { watchPath } from "./watch";

export const progress = watchPath<Progress>("progress", 400);
export const diagnosis = watchPath<Diagnosis>("doctor", 1000);
export const config = watchPath<Config>("config", 500);
export const shadow = watchPath<{ shadow: ShadowTold | null }>("shadow", 1000);
export const streams = watchPath<Record<string, Stream>>("streams", 1000);
