# What the pages say, in English. `n` is a number, `x` a text. Every file of this folder has the same
# messages; concepts are called in English what the vocabulary calls them.

to-content = To the content
to-results = To the results
to-library = To the library
nav-main = Main
nav-language = Language
nav-library = Library
nav-catalogue = Catalogue
nav-validate = Validate
nav-vocabulary = Vocabulary

nav-admin = Moderation
nav-more = More
sign-in = Sign in
sign-out = Sign out
sign-in-failed = This token is not known, has ended or was revoked.
sign-in-intro = For those who look after the catalogue. Reading and suggesting needs no account.
sign-in-token = Token
sign-in-operator = The operator makes tokens on the machine itself:

facet-layer = Layer
facet-mim = MIM
facet-kind = Category
facet-scope = Scope
facet-origin = Origin
facet-domain = Domain
facet-licence = Licence
facet-maintainer = Maintainer
facet-country = Country
none-layer = No layer
none-mim = No MIM
none-kind = No category
none-scope = No scope
none-origin = No origin
none-domain = No domain
none-licence = No licence
none-maintainer = No maintainer
none-country = No country
sort-relevance = Relevance
sort-title = Title
sort-mim = MIM
sort-layer = Layer
sort-newest = Newest

search-words = Words to look for
search-hint = Name, maker, purpose …
search-button = Search
search-narrow = Narrow the list
search-more = More
search-others = Licence, date, area
search-open = Open licence only
search-from = Since
search-to = Until
search-area = West, south, east, north
search-apply = Apply
search-clear = Clear all
search-sort = Sort by
search-view = View
search-cards = Cards
search-table = Table
search-filters = Filters that are set
search-remove = Remove this filter
filter-from = Since { $x }
filter-to = Until { $x }
filter-area = Inside { $x }
results-entries = { $n ->
    [one] 1 entry
   *[other] { $n } entries
}
results-of = of { $n }
results-alike = Nothing is spelled “{ $x }”; these are spelled alike.
results-none = Nothing fits all of this
results-loosen = Loosen one of the filters:
results-without = Without { $x }
results-beyond = There is no such page; the list has { $n } entries.
results-anew = Begin anew
results-region = Entries
results-version = version { $x }
page-nav = Pages
page-number = page { $n }
page-previous = Previous page
page-next = Next page
forms-this = The same as
forms-sparql = a SPARQL query
forms-whole = The whole catalogue:
forms-pages = Page by page for harvesters:

entry-links = Links
entry-related = Related entries
entry-record = This record
entry-changed = Last changed on { $x }.
entry-statements = All statements
entry-foreign = This description is in { $x }: there is none in your language yet.
entry-picture = Neighbours of this entry
entry-versions = Versions
entry-cite = Cite this entry
entry-preview = How a portal sees this entry
entry-preview-intro = A portal that harvests DCAT-AP reads these properties. What is missing costs points in its quality rating.
entry-missing = missing
versions-version = Version { $x }
versions-first = This is how the entry was first published.
versions-old = This is not the latest version.
versions-latest = To the latest version
versions-changes = What changed
versions-before = Before
versions-after = After
agent-entries = Entries
fact-strand = Work strand
fact-version = Version
fact-place = Place
relation-implements = Implements
relation-implemented-by = Implemented by
relation-profiles = Profiles
relation-profiled-by = Profiled by
relation-uses = Uses
relation-used-by = Used by
relation-tests = Tests
relation-tested-by = Tested by
relation-considers = Considers
relation-considered-by = Considered by
relation-requires = Requires
relation-required-by = Required by
relation-part-of = Part of
relation-has-part = Has part
relation-replaced-by = Replaced by
relation-replaces = Replaces
relation-conforms-to = Conforms to
relation-followed-by = Followed by
language-en = English
language-fr = French
language-de = German
language-it = Italian
language-es = Spanish

nav-suggest = Suggest
suggest-title = Suggest an entry
suggest-correct-title = Correct “{ $x }”
suggest-intro = Anyone may suggest; a moderator decides, and you get a link under which you see what became of it. Fields with * are needed.
suggest-as-it-is = The entry as it is
suggest-wrong = This cannot be sent yet. What is wrong stands at the fields.
suggest-preview = Preview
suggest-preview-intro = This is what would be published. Nothing has been sent yet.
suggest-alike = Is one of these meant? Then please correct it instead.
suggest-same-name = Same name:
suggest-same-address = Same address:
suggest-similar = Similar:
suggest-short = Short name
suggest-short-hint = As people call it, such as NGSI-LD. The entry’s address follows from it.
suggest-long = Full name
suggest-description = Description
suggest-description-hint = Two to four sentences: what it is, whom it serves in a Local Digital Twin, how it relates to others.
suggest-maintainer = Maintainer
suggest-version = Version
suggest-licence = Licence
suggest-licence-hint = An SPDX identifier such as Apache-2.0 or CC-BY-4.0
suggest-country = Country
suggest-country-hint = Three letters, such as ITA
suggest-links = Links
suggest-links-hint = Website, Documentation, Git … each with its full address.
suggest-link-label = Label
suggest-link-address = Address
suggest-contact = Your mail address
suggest-contact-hint = Not needed. It is for questions of the moderators alone, is never published, and is erased { $n } days after the decision.
suggest-note = A word to the moderators
suggest-show = Show a preview
suggest-send = Send
suggest-required = This is needed.
suggest-no-address = This is no mail address.
suggest-nothing-new = Nothing is changed.
suggest-again = The form was open too long, or too short for a person. Nothing is lost: please send it again.
suggest-sent-before = This form was sent already.
status-title = Your suggestion
status-sent = Sent
status-state = State
status-reason = Reason
status-waiting = It waits for a moderator.
status-accepted = It was accepted. Thank you!
status-rejected = It was not taken up.
status-result = The entry
status-keep = This page is yours alone: keep its address to come back.
entry-correct = Suggest a correction
problem-too-many = Too many at once; please come back later

admin-suggestions = Suggestions of visitors: { $n }
admin-changes = Changes from sources: { $n }
admin-records = Records that are not published: { $n }
admin-suggestion = suggestion
admin-change = change
admin-record = the record
admin-reason = Reason
admin-reason-hint = Kept in the ledger; the suggester reads it. Needed to reject.
admin-reason-needed = a reason is needed
admin-accept = Accept what is chosen
admin-reject = Reject
admin-done = Done:
admin-failed = Not done:
admin-decided = Decisions
admin-what = What
admin-when = When (UTC)
admin-who = Who
admin-history = All changes, with who and why
admin-actions = Withdraw, merge, bring back
admin-withdraw = Withdraw
admin-into = It is the same as (name in the address)
admin-version = Bring back an older version
admin-number = Version (1 to { $n })
admin-restore = Publish again
admin-publish = Publish
admin-edit = Edit
admin-conflict = Someone else changed this entry while your form was open. Below is what your form would change now; send it again to do that.

api-title = Writing by programs
api-intro = Programs add, change and withdraw entries here, under the same rules as people. The operator makes the tokens.
problem-precondition-failed = This was changed meanwhile

problem-bad-input = The request cannot be understood
problem-not-found = Nothing is here
problem-gone = This entry was withdrawn
problem-withdrawn = { $x } was withdrawn.
problem-forbidden = You may not do this
problem-unauthorised = Please sign in first
problem-conflict = This was changed meanwhile
problem-too-large = This is too much at once
problem-busy = Not ready yet; please try again in a moment
problem-other = This cannot be answered
problem-replaced-by = It is replaced by
problem-status = Status { $x }.

vocabulary-title = The library’s vocabulary
vocabulary-intro = Properties and concepts that sort the resources of a Local Digital Twin. The namespace is the same for every installation.

sparql-refused = Not answered:
sparql-result = Result
sparql-true = true
sparql-false = false
sparql-statements = { $n ->
    [one] 1 statement.
   *[other] { $n } statements.
}
sparql-rows-found = { $n ->
    [one] 1 row.
   *[other] { $n } rows.
}
sparql-cut = The first { $n } are shown, the formats below have all.
sparql-rows = Rows
sparql-query = Query in SPARQL 1.1
sparql-run = Run
sparql-examples = Worked examples
sparql-know = What to know
sparql-protocol = Programs ask here too, by GET or POST as the SPARQL 1.1 Protocol says. Rows come as JSON, XML, CSV or TSV; graphs as Turtle, N-Triples, RDF/XML or JSON-LD.
sparql-description = The service describes itself
sparql-graph = All published records are in one default graph; there are no named graphs.
sparql-limits = There are limits:
sparql-limit-time = Time for one query
sparql-limit-memory = Memory for one query
sparql-limit-query = Text of a query
sparql-limit-result = Its result
sparql-limit-text = A text that a query makes
sparql-limit-geometry = Geometries of one call together
sparql-limit-combined = The same where shapes are combined
sparql-limit-concurrent = Queries at the same time
sparql-over = Whatever is over a limit is answered with an error, never with a part of the result.
sparql-places = Places are in WGS 84, longitude first, without a reference system in front; the GeoSPARQL functions, such as geof:distance, expect the same. Brussels is
sparql-literals = Numbers and dates come back in their canonical form (1.50 as 1.5): the store normalises typed literals. The pages and dumps of the catalogue keep them as they were given.
sparql-service = SERVICE is refused, since this endpoint asks no other; so are updates, since the graph follows the catalogue.

validate-conforms = The input conforms
validate-fails = The input does not conform
validate-violations = { $n ->
    [one] 1 violation
   *[other] { $n } violations
}
validate-warnings = { $n ->
    [one] 1 warning
   *[other] { $n } warnings
}
validate-infos = { $n ->
    [one] 1 info
   *[other] { $n } infos
}
validate-against = Checked against: { $x }.
validate-meaning = A violation has to be put right; a warning is advice.
validate-caption = Each rule that is broken, violations first
validate-line = Line
validate-severity = Severity
validate-node = Node
validate-property = Property
validate-value = Value
validate-rule = Rule
validate-left-out = { $n } more are left out of this page; the Turtle, JSON-LD and JSON forms have all.
validate-check = Check a description
validate-intro = Paste a DCAT description or the library’s sheet, or choose a file of at most 8 MB. Nothing is stored.
validate-text = Text
validate-file = or a file
validate-format = Format of the text
validate-rules = Rules
validate-machines = Programs post the description itself, and ask for the report in the form they like:

nav-twins = Twins
nav-about = About
theme-above = The layer above
theme-below = The layer below
theme-search = Search all of these
theme-all-layer = All layers
theme-all-mim = All MIMs
twins-title = Twins on the map
twins-intro = Example twins and every other entry that has a place. The list below says the same as the map.
twins-map = Map of the entries that have a place
twins-search = Search in this area
twins-europe = Europe
twins-world = World
twins-uses = Uses
text-about = About
text-twin = What a Local Digital Twin is
text-architecture = Architecture
text-strands = Where to start
text-privacy = Privacy
text-accessibility = Accessibility
text-foreign = This text is in English: there is none in your language yet.
text-picture = The seven layers of a Local Digital Twin, from what people see down to what is observed
twins-field = { $n ->
    [one] 1 entry in this field: search there
   *[other] { $n } entries in this field: search there
}
