//! Skill manifests: parse, canonical form, sign, verify.
