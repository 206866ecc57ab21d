//! Tables of what a command refuses.

/// Makes `pub enum Code`: the stable names of a command's failures, each with its category and, where the same advice
/// fits every time, a hint.
///
/// ```
/// chancery_terminal::codes! {
///     /// The arguments do not fit the command.
///     Usage = "CLI_USAGE", Input, "see --help";
///     /// A file of ours could not be read or written.
///     StateFailed = "CLI_STATE_FAILED", Internal;
/// }
/// assert_eq!(Code::Usage.as_str(), "CLI_USAGE");
/// assert_eq!(Code::Usage.hint(), Some("see --help"));
/// assert_eq!(Code::ALL.len(), 2);
/// ```
#[macro_export]
macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal, $category:ident $(, $hint:literal)?;)*) => {
        /// A stable name of a failure of this command. Failures that others name keep the others' name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Code {
            $($(#[$doc])* $variant,)*
        }

        impl Code {
            /// Every code, for the test that proves them unique.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The name.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// What kind of failure it is.
            #[must_use]
            pub const fn category(self) -> $crate::Category {
                match self {
                    $(Self::$variant => $crate::Category::$category,)*
                }
            }

            /// What to do next, where the same advice fits every time.
            #[must_use]
            pub const fn hint(self) -> Option<&'static str> {
                match self {
                    $(Self::$variant => $crate::codes!(@hint $($hint)?),)*
                }
            }
        }
    };
    (@hint) => { None };
    (@hint $hint:literal) => { Some($hint) };
}
