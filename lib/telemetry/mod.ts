/**
 * The door of what Wharf tells its operator of its work: metrics, and who called which tool. Needs
 * no permission.
 *
 * @module
 */

export { AppMetrics } from "./app_metrics.ts";
export { callAudit, type CallAuditOptions } from "./call_audit.ts";
