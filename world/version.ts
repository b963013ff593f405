/** The version of the rules in this folder. A record names the version it was decided under (record header). */
export const RULES_VERSION = 2
