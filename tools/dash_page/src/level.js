/** The level of a value: "", "warn" or "alarm". If alarm is below warn, low values are the bad ones. */
export function levelOf(value, { warn, alarm }) {
  if (typeof value !== "number") return ""
  const isDown = warn !== undefined && alarm !== undefined && alarm < warn
  const isBeyond = (limit) => limit !== undefined && (isDown ? value <= limit : value >= limit)
  return isBeyond(alarm) ? "alarm" : isBeyond(warn) ? "warn" : ""
}
