/**
 * The door of `wharf doctor`: what works here, and which permissions are needed. Needs no
 * permission by itself.
 *
 * @module
 */

export { diagnose, type Diagnosis, type Needed } from "./doctor.ts";
export type { DoctorDeps, DoctorSettings } from "./doctor_types.ts";
export type { Finding, FindingState } from "./finding.ts";
export { type Grant, type GrantKind, shellLine } from "./grants.ts";
export { type Doctor, type DoctorOptions, type DoctorParts, openDoctor } from "./wiring.ts";
