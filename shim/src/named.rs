//! Values and sets that have names in policies.

/// A value that has a name in policies.
pub trait Named: Copy + PartialEq + 'static {
    /// All of them.
    const NAMES: &'static [(&'static str, Self)];

    /// The value of that name.
    #[must_use]
    fn named(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }

    /// Its name.
    #[must_use]
    fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, value)| *value == self).map_or("", |(name, _)| name)
    }
}

/// A set of such values.
pub trait Set: Named + Default {
    /// What is in at least one of both sets.
    #[must_use]
    fn with(self, other: Self) -> Self;

    /// Whether both sets have something in common.
    #[must_use]
    fn meets(self, other: Self) -> bool;
}

/// Makes a set of its members, each with a bit and a name.
#[macro_export]
macro_rules! set {
    ($(#[$doc:meta])* $set:ident { $($(#[$of:meta])* $member:ident = $bit:literal, $name:literal;)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct $set(pub u8);

        impl $set {
            /// Nothing.
            pub const NONE: Self = Self(0);
            $($(#[$of])* pub const $member: Self = Self($bit);)+
            /// All of them.
            pub const ALL: Self = Self(0 $(| $bit)+);

            /// What is in at least one of both sets.
            #[must_use]
            pub const fn and(self, other: Self) -> Self {
                Self(self.0 | other.0)
            }

            /// What is not in the other set.
            #[must_use]
            pub const fn without(self, other: Self) -> Self {
                Self(self.0 & !other.0)
            }

            /// Whether both sets have something in common.
            #[must_use]
            pub const fn has(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }
        }

        impl $crate::named::Named for $set {
            const NAMES: &'static [(&'static str, Self)] = &[$(($name, Self::$member)),+];
        }

        impl $crate::named::Set for $set {
            fn with(self, other: Self) -> Self {
                self.and(other)
            }

            fn meets(self, other: Self) -> bool {
                self.has(other)
            }
        }
    };
}
