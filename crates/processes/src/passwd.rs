// SPDX-License-Identifier: Apache-2.0
/// A user as /etc/passwd knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: String,
}

/// Looks a user up in the text of /etc/passwd; the first line with that name holds (passwd(5)).
/// Lines that are no proper entry are skipped.
pub(crate) fn find(passwd: &str, name: &str) -> Option<User> {
    let mut entries = passwd.lines().filter(|line| !line.starts_with('#'));
    entries.find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        let [user, _password, uid, gid, _comment, home, _shell] = fields.as_slice() else {
            return None;
        };
        (*user == name && !name.is_empty()).then_some(())?;
        Some(User {
            name: name.to_owned(),
            uid: uid.parse().ok()?,
            gid: gid.parse().ok()?,
            home: (*home).to_owned(),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/bash\n\
        # bob:x:1:1::/:/bin/sh\n\
        bob:x:many:1::/:/bin/sh\n\
        bob:x:1000:1001:Bob, the builder:/home/bob:/bin/sh\n\
        bob:x:0:0:a later line of the same name:/:/bin/sh\n\
        +nis\n";

    #[test]
    fn finds_the_first_proper_line() {
        let bob = find(PASSWD, "bob");
        let expected = User {
            name: "bob".into(),
            uid: 1000,
            gid: 1001,
            home: "/home/bob".into(),
        };
        assert_eq!(bob, Some(expected));
        assert_eq!(find(PASSWD, "root").map(|user| user.uid), Some(0));
    }

    #[test]
    fn does_not_find_what_is_not_there() {
        for name in ["alice", "", "+nis", "# bob", "bo"] {
            assert_eq!(find(PASSWD, name), None, "{name}");
        }
    }
}
