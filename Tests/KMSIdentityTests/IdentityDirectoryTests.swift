import Foundation
import KMSAccess
import KMSIdentity
import KMSModel
import KMSStore
import Testing

struct IdentityDirectoryTests {
    private static let arn = "arn:aws:iam::111122223333:policy/p"

    /// An account with a user, a role and a policy.
    private func populated() throws -> Account {
        var account = try Account()
        try account.run("CreatePolicy", ["PolicyName": "p", "PolicyDocument": Account.document])
        try account.run(
            "CreateUser",
            ["UserName": "Ana", "Path": "/a/", "Tags.member.1.Key": "team", "Tags.member.1.Value": "red"])
        try account.run("CreateRole", ["RoleName": "r", "Path": "/b/", "AssumeRolePolicyDocument": Account.trust])
        return account
    }

    private func session(
        of account: Account, identity: UniqueID?, name: String? = "s"
    ) -> SessionRecord {
        SessionRecord(
            account: account.id, identity: identity, name: name, issueDate: Account.time,
            expiry: Account.time.addingTimeInterval(3600))
    }

    private func caller(_ account: Account, _ principal: Principal, _ session: SessionRecord? = nil) throws -> Caller {
        Caller(
            principal: principal, accessKeyID: "AKIA1", region: account.region, session: try session.map(Session.init))
    }

    // MARK: Publishing

    @Test func `what is older than what is known is not published`() throws {
        var account = try populated()
        let older = try account.identities
        try account.run("CreateUser", ["UserName": "ben"])
        account.directory.publish(older)
        #expect(try account.identities.identity(.user, named: "ben") != nil)
        #expect(try account.identities.account.version == older.account.version + 1)
    }

    @Test func `what is published replaces all of its account, and nothing of others`() throws {
        var (account, directory) = (try populated(), IdentityDirectory())
        try account.run("CreateAccessKey", ["UserName": "ana"])
        let key = try #require(account.stored.accessKeys.first).id
        let other = AccountRecord(id: try #require(AccountID("444455556666")), creationDate: Account.time)
        directory.publish(AccountIdentities(other))
        directory.publish(try account.identities)
        #expect(directory.accounts == [account.id, other.id])
        #expect(directory.accessKey(key)?.account == account.id)
        let user = try account.identity(.user, "ana")
        #expect(directory.principal(user.id) != nil)

        try account.run("DeleteAccessKey", ["UserName": "ana", "AccessKeyId": key])
        try account.run("DeleteUser", ["UserName": "ana"])
        directory.publish(try account.identities)
        #expect(directory.accessKey(key)?.account == nil)
        #expect(directory.accessKey(key) == nil)
        #expect(directory.principal(user.id) == nil)
        #expect(directory.hosts(other.id))
    }

    // MARK: Credentials

    @Test func `an access key is a credential while it is active and its user is there`() throws {
        var account = try populated()
        try account.run("CreateAccessKey", ["UserName": "ana"])
        let record = try #require(account.stored.accessKeys.first)
        let user = try account.identity(.user, "ana").id
        let credential = try #require(account.directory.credential(record.id))
        #expect(credential.principal == .user(account.id, path: "/a/", name: "Ana", id: user))
        #expect(credential.secret == .wrapped(record.wrappedSecret))
        #expect(credential.session == nil)
        #expect(credential.partition == .aws)
        #expect(account.directory.credential("AKIA") == nil)

        try account.run("UpdateAccessKey", ["UserName": "ana", "AccessKeyId": record.id, "Status": "Inactive"])
        #expect(account.directory.credential(record.id) == nil)
        #expect(account.directory.accessKey(record.id)?.isActive == false)
        try account.run("UpdateAccessKey", ["UserName": "ana", "AccessKeyId": record.id, "Status": "Active"])
        #expect(account.directory.credential(record.id) != nil)
        try account.run("UpdateUser", ["UserName": "ana", "NewUserName": "ben"])
        #expect(
            account.directory.credential(record.id)?.principal
                == .user(account.id, path: "/a/", name: "ben", id: user))

        var contents = account.stored
        contents.identities.removeAll { $0.id == user }
        let directory = IdentityDirectory()
        try directory.load(contents)
        #expect(directory.credential(record.id) == nil)
        account.directory.withdraw(account.id)
        #expect(account.directory.credential(record.id) == nil)

        contents = account.stored
        contents.accounts = [AccountRecord(id: account.id, partition: .china, creationDate: Account.time)]
        let elsewhere = IdentityDirectory()
        try elsewhere.load(contents)
        #expect(elsewhere.credential(record.id)?.partition == .china)
    }

    @Test func `a root user's access key is the root user's`() throws {
        var account = try Account()
        let answer = try account.run("CreateAccessKey")
        let key = try #require(answer?["AccessKey"]?["AccessKeyId"]?.text)
        #expect(account.directory.credential(key)?.principal == .root(account.id))
        #expect(answer?["AccessKey"]?["UserName"] == nil)
    }

    @Test func `a session is of who is there now`() throws {
        var account = try populated()
        let (user, role) = (try account.identity(.user, "ana").id, try account.identity(.role, "r").id)
        let directory = account.directory
        #expect(
            directory.principal(of: session(of: account, identity: role))
                == .roleSession(account.id, path: "/b/", role: "r", session: "s", id: role))
        let ofUser = session(of: account, identity: user, name: nil)
        #expect(directory.principal(of: ofUser) == .user(account.id, path: "/a/", name: "Ana", id: user))
        #expect(directory.principal(of: session(of: account, identity: nil, name: nil)) == .root(account.id))
        try account.run("UpdateUser", ["UserName": "ana", "NewUserName": "ben"])
        #expect(directory.principal(of: ofUser) == .user(account.id, path: "/a/", name: "ben", id: user))
        try account.run("DeleteUser", ["UserName": "ben"])
        #expect(directory.principal(of: ofUser) == nil)
        let other = SessionRecord(
            account: try #require(AccountID("444455556666")), identity: nil, name: nil, issueDate: Account.time,
            expiry: Account.time)
        #expect(directory.principal(of: other) == nil)
    }

    @Test func `a use of an access key is remembered once a minute`() throws {
        let account = try Account()
        let directory = account.directory
        #expect(directory.use(of: "AKIA1") == nil)
        for (offset, remembered) in [(0.0, 0.0), (59, 0), (60, 60), (30, 60), (121, 121)] {
            directory.noteUse(
                of: "AKIA1", for: "kms", in: account.region, at: Account.time.addingTimeInterval(offset))
            #expect(directory.use(of: "AKIA1")?.date == Account.time.addingTimeInterval(remembered), "\(offset)")
        }
        #expect(directory.use(of: "AKIA1")?.service == "kms")
        #expect(directory.use(of: "AKIA1")?.region == "eu-central-1")
        #expect(directory.use(of: "AKIA2") == nil)
    }

    // MARK: Principals

    @Test func `principals are found by exactly their path and name`() throws {
        let account = try populated()
        let directory = account.directory
        let (user, role) = (try account.identity(.user, "ana").id, try account.identity(.role, "r").id)
        #expect(directory.userID(account.id, path: "/a/", name: "Ana") == user)
        for (path, name) in [("/", "Ana"), ("/a/", "ana"), ("/A/", "Ana"), ("/a/", "r")] {
            #expect(directory.userID(account.id, path: path, name: name) == nil)
        }
        #expect(directory.roleID(account.id, path: "/b/", name: "r") == role)
        #expect(directory.roleID(account.id, path: nil, name: "r") == role)
        #expect(directory.roleID(account.id, path: "/", name: "r") == nil)
        #expect(directory.roleID(account.id, path: nil, name: "R") == nil)
        let other = try #require(AccountID("444455556666"))
        #expect(!directory.hosts(other) && directory.hosts(account.id))
        #expect(directory.userID(other, path: "/a/", name: "Ana") == nil)
        #expect(directory.principal(user)?.id == user)
        #expect(directory.principal(role) == .roleSession(account.id, path: "/b/", role: "r", session: "", id: role))
    }

    // MARK: Policies

    /// Whether the caller's own account allows `kms:CreateKey`.
    private func isAllowed(_ caller: Caller, in account: Account) -> Bool {
        AccessQuestion(
            caller: .principal(caller.principal), action: "kms:CreateKey", resource: .outsideKeyPolicies("*"),
            crossesAccounts: false, request: NoConditions()
        ).decision(under: nil, policies: account.directory.policies(of: caller)).isAllowed
    }

    @Test func `policies count from the moment at which they are attached, also those of groups`() throws {
        var account = try populated()
        let user = try #require(try account.identities.principal(account.identity(.user, "ana").id))
        func isAllowed() throws -> Bool { self.isAllowed(try caller(account, user), in: account) }
        try account.run("CreateGroup", ["GroupName": "g"])
        let steps: [(String, [String: String], Bool)] = [
            ("AttachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn], true),
            ("DetachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn], false),
            ("PutUserPolicy", ["UserName": "ana", "PolicyName": "i", "PolicyDocument": Account.document], true),
            ("DeleteUserPolicy", ["UserName": "ana", "PolicyName": "i"], false),
            ("AttachGroupPolicy", ["GroupName": "g", "PolicyArn": Self.arn], false),
            ("AddUserToGroup", ["UserName": "ana", "GroupName": "g"], true),
            ("UpdateGroup", ["GroupName": "g", "NewGroupName": "h"], true),
            ("RemoveUserFromGroup", ["UserName": "ana", "GroupName": "h"], false),
            ("AttachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn], true),
            ("PutUserPermissionsBoundary", ["UserName": "ana", "PermissionsBoundary": Self.arn], true),
            ("CreatePolicyVersion", ["PolicyArn": Self.arn, "PolicyDocument": Self.denial], true),
            ("SetDefaultPolicyVersion", ["PolicyArn": Self.arn, "VersionId": "v2"], false),
            ("SetDefaultPolicyVersion", ["PolicyArn": Self.arn, "VersionId": "v1"], true),
        ]
        #expect(try !isAllowed())
        for (operation, members, expected) in steps {
            try account.run(operation, members)
            #expect(try isAllowed() == expected, "\(operation)")
        }
    }

    private static let denial =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#

    @Test func `a root user may everything, and who is gone nothing`() throws {
        var account = try populated()
        try account.run("AttachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn])
        let user = try #require(try account.identities.principal(account.identity(.user, "ana").id))
        #expect(isAllowed(try caller(account, .root(account.id)), in: account))
        #expect(isAllowed(try caller(account, user), in: account))
        try account.run("DetachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn])
        try account.run("DeleteUser", ["UserName": "ana"])
        #expect(!isAllowed(try caller(account, user), in: account))
        let stranger = Principal.user(
            try #require(AccountID("444455556666")), path: "/", name: "x", id: try #require(user.id))
        #expect(!isAllowed(try caller(account, stranger), in: account))
    }

    @Test func `a session is narrowed by its policies, and a managed one that is gone allows nothing`() throws {
        var account = try populated()
        try account.run("AttachRolePolicy", ["RoleName": "r", "PolicyArn": Self.arn])
        try account.run("CreatePolicy", ["PolicyName": "narrow", "PolicyDocument": Account.document])
        let role = try account.identity(.role, "r").id
        let narrow = try #require(try account.identities.policy(named: "narrow")).record.id
        let principal = try #require(try account.identities.principal(role, session: "s"))
        func isAllowed(_ policies: [String]?, _ managed: [UniqueID] = []) throws -> Bool {
            var session = session(of: account, identity: role)
            (session.policies, session.managedPolicies) = (policies, managed)
            return self.isAllowed(try caller(account, principal, session), in: account)
        }
        #expect(try isAllowed(nil))
        #expect(try !isAllowed([]))
        #expect(try isAllowed([Account.document]))
        #expect(try !isAllowed([Account.document, Self.denial]))
        #expect(try isAllowed(nil, [narrow]))
        #expect(try !isAllowed([Self.denial], [narrow]))
        try account.run("DeletePolicy", ["PolicyArn": "arn:aws:iam::111122223333:policy/narrow"])
        #expect(try !isAllowed(nil, [narrow]))
    }

    @Test func `a boundary that is gone limits everything`() throws {
        var account = try populated()
        try account.run("AttachUserPolicy", ["UserName": "ana", "PolicyArn": Self.arn])
        try account.run("CreatePolicy", ["PolicyName": "b", "PolicyDocument": Account.document])
        let boundary = "arn:aws:iam::111122223333:policy/b"
        try account.run("PutUserPermissionsBoundary", ["UserName": "ana", "PermissionsBoundary": boundary])
        let user = try #require(try account.identities.principal(account.identity(.user, "ana").id))
        #expect(isAllowed(try caller(account, user), in: account))
        let policy = try #require(try account.identities.policy(named: "b")).record.id
        var contents = account.stored
        contents.identities.removeAll { $0.id == policy }
        contents.accounts[0].version += 1
        try account.directory.load(contents)
        #expect(!isAllowed(try caller(account, user), in: account))
    }

    @Test func `a session's tags stand before those of its role, whatever their case`() throws {
        let account = try populated()
        let user = try #require(try account.identities.principal(account.identity(.user, "ana").id))
        func tags(_ caller: Caller) -> [String?] { ["team", "x", "y"].map { account.directory.tag($0, of: caller) } }
        #expect(tags(try caller(account, user)) == ["red", nil, nil])
        var record = session(of: account, identity: user.id)
        record.tags = [IdentityTag(key: "Team", value: "blue"), IdentityTag(key: "x", value: "")]
        #expect(tags(try caller(account, user, record)) == ["blue", "", nil])
        #expect(tags(try caller(account, .root(account.id))) == [nil, nil, nil])
    }

    // MARK: Loading

    @Test func `what a store holds is who there was`() throws {
        var account = try populated()
        try account.run("CreateAccessKey", ["UserName": "ana"])
        let directory = IdentityDirectory()
        try directory.load(account.stored)
        let (loaded, known) = (try #require(directory.identities(of: account.id)), try account.identities)
        #expect(loaded.account == known.account)
        for kind in [UniqueID.Kind.user, .group, .role] {
            #expect(loaded.records(kind) == known.records(kind))
        }
        #expect(loaded.policyRecords == known.policyRecords)
        let user = try account.identity(.user, "ana").id
        #expect(loaded.accessKeys(of: user) == known.accessKeys(of: user))
    }

    @Test func `a trust policy of before accounts had a partition still reads`() throws {
        var account = try Account()
        try account.run("CreateRole", ["RoleName": "r", "AssumeRolePolicyDocument": Account.trust])
        let stored = try #require(account.stored.identities.first)
        let text = String(decoding: stored.document, as: UTF8.self)
            .replacing(#"\"111122223333\""#, with: #"\"arn:aws-cn:iam::111122223333:root\""#)
        try #require(text.contains("aws-cn"))
        var contents = account.stored
        contents.identities = [
            StoredIdentity(
                account: stored.account, id: stored.id, foldedName: stored.foldedName, document: Array(text.utf8))
        ]
        let directory = IdentityDirectory()
        try directory.load(contents)
        #expect(directory.identities(of: account.id)?.identity(.role, named: "r")?.trustPolicy != nil)
    }

    enum Damage: String, CaseIterable, CustomTestStringConvertible {
        case userOfNoAccount, accessKeyOfNoAccount, noJSON, emptyDocument, cutDocument, userAsPolicy, policyAsUser
        case brokenInlinePolicy, brokenTrustPolicy, brokenManagedPolicy, noDefaultVersion, brokenIdentifier
        case otherIdentifier, otherName, nameTakenTwice

        var testDescription: String { rawValue }

        func apply(to contents: inout StoreContents) throws {
            func edit(_ kind: UniqueID.Kind, _ change: (String) -> String) throws {
                let index = try #require(contents.identities.firstIndex { $0.id.kind == kind })
                let stored = contents.identities[index]
                let text = String(decoding: stored.document, as: UTF8.self)
                let changed = change(text)
                #expect(changed != text)
                contents.identities[index] = StoredIdentity(
                    account: stored.account, id: stored.id, foldedName: stored.foldedName,
                    document: Array(changed.utf8))
            }
            func document(_ kind: UniqueID.Kind) throws -> String {
                let stored = try #require(contents.identities.first { $0.id.kind == kind })
                return String(decoding: stored.document, as: UTF8.self)
            }
            switch self {
            case .userOfNoAccount:
                let stored = contents.identities[0]
                contents.identities[0] = StoredIdentity(
                    account: try #require(AccountID("444455556666")), id: stored.id, foldedName: stored.foldedName,
                    document: stored.document)
            case .accessKeyOfNoAccount:
                contents.accessKeys.append(
                    AccessKeyRecord(
                        id: "AKIA1", account: try #require(AccountID("444455556666")), creationDate: Account.time,
                        isActive: true, wrappedSecret: []))
            case .noJSON: try edit(.user) { _ in "x" }
            case .emptyDocument: try edit(.user) { _ in "{}" }
            case .cutDocument: try edit(.role) { String($0.dropLast()) }
            case .userAsPolicy:
                let user = try document(.user)
                try edit(.policy) { _ in user }
            case .policyAsUser:
                let policy = try document(.policy)
                try edit(.user) { _ in policy }
            case .brokenInlinePolicy: try edit(.user) { $0.replacing(#"\"Allow\""#, with: #"\"allow\""#) }
            case .brokenTrustPolicy: try edit(.role) { $0.replacing("sts:AssumeRole", with: "kms:Encrypt") }
            case .brokenManagedPolicy: try edit(.policy) { $0.replacing(#"\"Statement\""#, with: #"\"Statements\""#) }
            case .noDefaultVersion:
                try edit(.policy) { $0.replacing(#""defaultVersion":1"#, with: #""defaultVersion":2"#) }
            case .brokenIdentifier: try edit(.user) { $0.replacing("AIDA", with: "AXDA") }
            case .otherIdentifier:
                let id = try #require(contents.identities.first { $0.id.kind == .user }).id.description
                try edit(.user) { $0.replacing(id, with: "AIDAABCDEFGHIJKLM2345") }
            case .otherName:
                let index = try #require(contents.identities.firstIndex { $0.id.kind == .user })
                let stored = contents.identities[index]
                contents.identities[index] = StoredIdentity(
                    account: stored.account, id: stored.id, foldedName: stored.foldedName + "x",
                    document: stored.document)
            case .nameTakenTwice:
                let stored = try #require(contents.identities.first { $0.id.kind == .user })
                let other = try #require(UniqueID("AIDAABCDEFGHIJKLM2345"))
                let text = String(decoding: stored.document, as: UTF8.self)
                contents.identities.append(
                    StoredIdentity(
                        account: stored.account, id: other, foldedName: stored.foldedName,
                        document: Array(text.replacing(stored.id.description, with: other.description).utf8)))
            }
        }
    }

    @Test(arguments: Damage.allCases)
    func `damage is refused, and nobody is let in`(damage: Damage) throws {
        var account = try populated()
        try account.run(
            "PutUserPolicy", ["UserName": "ana", "PolicyName": "i", "PolicyDocument": Account.document])
        var contents = account.stored
        try damage.apply(to: &contents)
        let directory = IdentityDirectory()
        do throws(StoreError) {
            try directory.load(contents)
            Issue.record("it was loaded")
        } catch {
            guard case .corrupt = error else {
                Issue.record("\(error)")
                return
            }
        }
        #expect(directory.accounts.isEmpty)
    }
}
