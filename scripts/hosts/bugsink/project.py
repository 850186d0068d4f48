"""Run by Bugsink's own shell once, when it is installed: a team and a project to send to."""

from projects.models import Project
from teams.models import Team

Project.objects.create(name="pillion", team=Team.objects.create(name="pillion"))
