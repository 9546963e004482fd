"""What Alembic asks for: the connection comes from the runner, which also takes triggers off and puts them back."""

from alembic import context

from models.entity import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    transaction_per_migration=False,
)
with context.begin_transaction():
    context.run_migrations()
