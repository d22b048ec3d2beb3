"""The simulated Yandex.Tracker: the made-up company in the words of its API.

What the company has and Tracker cannot say, and how it is told:

- A queue's key is Latin: the project ВИТ is the queue VIT.
- Each queue has statuses and types of its own, of which some have one name; a move changes both.
- An issue without a type stays without one, a sprint without dates too, a title may be empty:
  Tracker asks for all three.
- Values of a version field that are sprints stand on a board named after the field. A board whose
  sprints follow such a field is one to whose sprints issues are added. All are changes of `sprint`.
- A sprint deleted under an issue stays in its field, as does one whose board shows the queue
  no longer.
- Options of a field are texts: renamed, they are renamed in all histories, and no issue is newer.
- A lead time is a number of days. Goals of sprints and conditions of fields are not told.
- A status keeps the type that its name has, also when it is marked resolved, or no longer so. A
  resolution whose activity is missing (`known_mismatches`) is told by the status all the same.
- Sprints and the writes of workflows make an issue newer, too.
- Tags, components, parents and epics, which the company has not, follow from an issue's number.
  They never change, and no history tells them.
"""
