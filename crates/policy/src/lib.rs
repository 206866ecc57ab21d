//! What an agent may do, as two small algebras: capabilities here, messaging scopes beside them later.
