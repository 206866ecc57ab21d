//! Skills: install, trust, grants, enforcer.
