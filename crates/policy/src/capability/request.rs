//! What is asked for, typed and normalised.

use super::{Capability, Dimension, Endpoint, Executable, Mismatch, ResourceName, ResourcePath};

/// One thing that a capability is to be used on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// A file or directory.
    Path(ResourcePath),
    /// A connection.
    Host(Endpoint),
    /// A program.
    Executable(Executable),
    /// A variable or secret.
    Name(ResourceName),
}

/// The third argument of the seed's `check`: what is known about the use, as text. An empty string names nothing that could
/// be covered, and is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Context<'a> {
    /// An absolute path.
    pub path: Option<&'a str>,
    /// `host[:port]`; the capability says which scheme.
    pub host: Option<&'a str>,
    /// An absolute path or bare name.
    pub executable: Option<&'a str>,
    /// Name of a variable or secret.
    pub name: Option<&'a str>,
}

/// A capability and what it is to be used on. One permission must cover all of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    capability: Capability,
    resources: Vec<Resource>,
}

impl Resource {
    /// Along which dimension it lies.
    #[must_use]
    pub fn dimension(&self) -> Dimension {
        match self {
            Self::Path(_) => Dimension::Path,
            Self::Host(_) => Dimension::Host,
            Self::Executable(_) => Dimension::Executable,
            Self::Name(_) => Dimension::Name,
        }
    }

    /// Reads what `capability` would be used on, from text: an absolute path, a URL or `host[:port]`, an absolute path or
    /// bare name of a program, or a name.
    ///
    /// # Errors
    /// [`Mismatch`] with the text: what cannot be read is nothing that a permission covers.
    pub fn parse(capability: Capability, text: &str) -> Result<Self, Mismatch> {
        let parsed = match (capability.dimension(), capability.scheme()) {
            (Dimension::Path, _) => text.parse().map(Self::Path),
            (Dimension::Host, Some(_)) if text.contains("://") => Endpoint::of_url(text).map(Self::Host),
            (Dimension::Host, scheme) => Endpoint::parse(scheme.unwrap_or(super::Scheme::Https), text).map(Self::Host),
            (Dimension::Executable, _) => text.parse().map(Self::Executable),
            (Dimension::Name, _) => text.parse().map(Self::Name),
        };
        parsed.map_err(|_| Mismatch::Outside(capability.dimension(), text.to_owned()))
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Path(path) => path.to_string(),
            Self::Host(endpoint) => endpoint.to_string(),
            Self::Executable(program) => program.to_string(),
            Self::Name(name) => name.to_string(),
        }
    }
}

impl Request {
    /// `capability` itself, on nothing in particular. Only an unconstrained permission covers it.
    #[must_use]
    pub fn bare(capability: Capability) -> Self {
        Self {
            capability,
            resources: Vec::new(),
        }
    }

    /// `capability` on `resource`.
    #[must_use]
    pub fn new(capability: Capability, resource: Resource) -> Self {
        Self {
            capability,
            resources: vec![resource],
        }
    }

    /// And on `resource`, under the same permission.
    #[must_use]
    pub fn and(mut self, resource: Resource) -> Self {
        self.resources.push(resource);
        self
    }

    /// `capability` in `context`.
    ///
    /// # Errors
    /// [`Mismatch::Outside`] when a value cannot be read, [`Mismatch::Foreign`] when it is of a dimension that the
    /// capability does not have.
    pub fn in_context(capability: Capability, context: &Context<'_>) -> Result<Self, Mismatch> {
        let mut request = Self::bare(capability);
        for (dimension, text) in [
            (Dimension::Path, context.path),
            (Dimension::Host, context.host),
            (Dimension::Executable, context.executable),
            (Dimension::Name, context.name),
        ] {
            let Some(text) = text else { continue };
            if dimension != capability.dimension() {
                return Err(Mismatch::Foreign(dimension));
            }
            request.resources.push(Resource::parse(capability, text)?);
        }
        Ok(request)
    }

    /// What is to be used.
    #[must_use]
    pub fn capability(&self) -> Capability {
        self.capability
    }

    /// On what.
    #[must_use]
    pub fn resources(&self) -> &[Resource] {
        &self.resources
    }
}
